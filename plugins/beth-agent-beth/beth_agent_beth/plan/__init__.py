"""Plans: workflows in files, and those that a model makes."""
