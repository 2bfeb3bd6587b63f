"""General data without a hub: prompts of our own and of reasoning-gym, answered by the base model."""
