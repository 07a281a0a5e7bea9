def write(out, rows):
    return 0
