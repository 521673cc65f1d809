"""From a file to its text, and from the text to passages."""
