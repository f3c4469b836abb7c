"""Writes a two-layer Llama's configuration and a tokenizer trained on the given texts: tiny_model.py FOLDER TEXT...

The weights are vLLM's `--load-format dummy`. Run by the Python that vLLM is installed in, which has the imports.
"""

import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, PreTrainedTokenizerFast  # type: ignore[import-not-found]

SPECIAL = ["<s>", "</s>", "<unk>"]
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def tokenizer(texts: list[Path]) -> PreTrainedTokenizerFast:
    """Byte-level BPE of 1,024 tokens."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1024, special_tokens=SPECIAL, initial_alphabet=alphabet)
    made.train_from_iterator((path.read_text("utf8", "ignore") for path in texts), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = TEMPLATE
    return fast


def configuration() -> LlamaConfig:
    """Small enough to start in seconds on a CPU."""
    return LlamaConfig(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
        architectures=["LlamaForCausalLM"],
    )


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    tokenizer([Path(name) for name in names]).save_pretrained(folder)
    configuration().save_pretrained(folder)
