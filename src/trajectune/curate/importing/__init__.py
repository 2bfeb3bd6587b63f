"""From conversations of others back to trajectories: what it says, what is lost."""
