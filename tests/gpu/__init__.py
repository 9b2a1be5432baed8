"""Laws that only a GPU can break; they skip, saying so, where torch sees none."""
