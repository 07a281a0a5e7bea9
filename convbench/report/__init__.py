"""From a run on disk to pages: document, contents, and one file a renderer."""
