"""A request on a terminal: a live tree, plain lines, the words for both."""
