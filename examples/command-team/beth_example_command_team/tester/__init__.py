"""Plays the tester: runs the tests it finds and reports."""
