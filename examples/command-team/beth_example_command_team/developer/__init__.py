"""Plays the developer: makes files in which every criterion can be traced."""
