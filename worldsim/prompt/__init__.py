"""Prompts as numbers."""

from worldsim.prompt.tokenizer import PromptError, TextEncoder, WordTokenizer

__all__ = ["PromptError", "TextEncoder", "WordTokenizer"]
