"""Kills, stops and starves Beth and her workers, and checks that no task was lost or done twice."""
