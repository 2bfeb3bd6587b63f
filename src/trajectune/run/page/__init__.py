"""What a study came to: gathered for the page, compared, and summed up for a terminal."""
