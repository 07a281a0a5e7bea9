"""What a machine says of itself, each part as a flat table; untold things are "unknown".

    processor   model, instructions, cores, quota, caches, frequency
    system      memory, load, steal, kernel, libc, allocator, environment variables
    torchbuild  torch: version, build, threads, denormals
    gpu         a CUDA device, by torch and by NVML
    code        the state of the git working folder

No value holds a host name, a user name or a path.
"""
