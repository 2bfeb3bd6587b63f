"""The functions of the public API (`import trajectune as tt`), which the stages of a recipe call too.

The idea: each function is one stop of the flow (rollout → curate → tune → evaluate → report) and leaves its
work in the file or folder `to`. Called again with the same arguments it goes on from there, and finished it
does nothing.
"""
