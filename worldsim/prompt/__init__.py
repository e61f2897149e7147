"""Prompts as numbers."""

from worldsim.prompt.base import TextEncoder
from worldsim.prompt.tokenizer import PromptError, WordTokenizer

__all__ = ["PromptError", "TextEncoder", "WordTokenizer"]
