"""200 prompts in English and Korean with what each of them states, to measure how well words become scenes."""
