"""Recipes: what a user writes, checked whole before anything runs.

The idea: a recipe is data. `recipe` holds the record and reads it, `sections` and `study` its parts with a
sentence under each field, `mistakes` says what is wrong with one in a user's words, and `older` shows how a
section of an earlier version is written now.
"""

from trajectune.run.recipe.recipe import (
    Recipe,
    check_recipe,
    check_tunes,
    dump_recipe,
    load_recipe,
    override,
)

__all__ = ["Recipe", "check_recipe", "check_tunes", "dump_recipe", "load_recipe", "override"]
