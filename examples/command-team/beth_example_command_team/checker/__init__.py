"""Plays the checker: runs the tests it finds and reports."""
