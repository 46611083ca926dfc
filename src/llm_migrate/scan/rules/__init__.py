"""One rule a file, named after the pattern it finds."""
