"""Plays the product manager: writes PRD.md from a template."""
