"""Preference pairs out of trajectories: of one task, an episode that succeeded against one that failed."""
