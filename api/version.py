"""The version of the product, as the API names it."""

VERSION = "0.1.0"
