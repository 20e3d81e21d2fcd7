"""Whole requests of agents with a model: with providers that break down, behind a gateway, recorded, replayed."""
