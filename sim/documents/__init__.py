"""Files that people write, as read: their text, their tree, and where each of its parts stands."""
