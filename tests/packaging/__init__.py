"""What is built from this repository: wheels, sdists, and what they are worth in an empty environment."""
