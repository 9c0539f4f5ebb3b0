"""Condition, update, projection and key condition expressions: text and items, no storage."""
