"""Plays the builder: makes files in which every criterion can be traced."""
