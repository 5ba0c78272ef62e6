"""What the commands print, where it is more than a line or two."""
