"""The web shop environment: WebShop's pages, grammar and reward (the extra `web-shop`).

Nothing here imports the search library before it is used, so the package can be listed and its options
checked without the extra.
"""

from trajectune.environments.web_shop.environment import WebShopEnvironment

__all__ = ["WebShopEnvironment"]
