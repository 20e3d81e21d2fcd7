"""Plays the analyst: writes PRD.md from a template."""
