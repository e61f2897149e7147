"""Prompts as numbers."""

from worldsim.prompt.tokenizer import PromptError, WordTokenizer

__all__ = ["PromptError", "WordTokenizer"]
