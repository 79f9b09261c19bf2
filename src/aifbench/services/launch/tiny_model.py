"""Writes the model `tiny-random`: a small llama with random weights, so that a real engine can run without a download.

Its answers are words without meaning. What matters for measuring is that they behave like text: every token is one
word with a leading space, the text tokenised again gives the same tokens, and nothing ends an answer before the limit.

How: the vocabulary has the 256 bytes, the words below and every beginning of a word (byte-pair merges go from left
to right only, so the split of a text is unique). Dimension 0 of the residual stream is a constant that no layer
writes to; the output layer reads it to push down every token that is not a whole word.
"""

from __future__ import annotations

import os
from pathlib import Path

VERSION = 2
"""Changes whenever the bytes of the file would: it is part of the file's name."""

LAYERS, WIDTH, HIDDEN, HEADS = 4, 256, 512, 4
CONTEXT_LIMIT = 32768
SEED = 20260101
CHAT_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"

_WORD_TEXT = """
    a able about above across act add after again age ago air all also always among an and animal answer any area are
    arm as ask at away baby back bad ball bank base be bear beat bed been before begin best big bird bit black blue
    boat body bone book both box boy bread bring brown build busy but buy by call came can cap car care case cat cell
    chart check city class clean clear cloth cloud coast cold come cook cool copy corn cost could count cover cross cry
    cup cut dance dark data day dead deal deep did do dog door down draw dream dress drive drop dry duck each ear early
    earth east easy eat edge egg end even ever eye face fact fall far farm fast fat father feel feet few field fight
    fill find fine fire first fish five flat flow fly food foot for form four free from front full game gave get girl
    give glass go gold good grand grass gray great green ground group grow had half hand happy hard has hat have he
    head hear heat held help her here high hill him his hit hold hole home hope horse hot hour house how ice idea if in
    inch iron is it job join jump just keep key kind king knew know lake land large last late law lay lead leaf learn
    left leg less let life lift light like line list live log long look lost lot loud love low made mail make man many
    map mark mass may mean meat meet men mile milk mind mine miss moon more most move much music must name near neck
    need never new next night nine no noon north nose not note now oak of off oil old on once one only open or our out
    over own page paint pair part pass path pay pen pick place plain plan plant play poor port post pull push put race
    rain ran read real red rest rich ride right ring river road rock roll room root rope rose round rule run safe said
    sail salt same sand save say sea seat seed self sell send set seven shape she ship shop short side sign silver sing
    sit six size skin sky sleep slow small snow so soft soil some song soon sound south space stand star start stay
    step still stone stop story street strong sun sure swim table take talk tall team tell ten test than that the them
    then there they thin thing this time to tone too top town trade train tree trip true try turn two under up us use
    very view wait walk wall want warm was wash watch water wave way we week well west wheel white who wide wild will
    wind wing wish with wood word work world would write year yes yet you young
    """
WORDS = tuple(_WORD_TEXT.split())


def byte_letters() -> list[str]:
    """The printable letter that stands for each byte in a GPT-2 byte-level vocabulary (Radford et al., 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        letters.setdefault(byte, chr(256 + len(letters) - len(printable)))
    return [letters[byte] for byte in range(256)]


def vocabulary(words: tuple[str, ...] = WORDS) -> tuple[list[str], list[str], set[int]]:
    """Tokens, merges in rank order, and the numbers of the tokens that are whole words."""
    letters = byte_letters()
    space = letters[ord(" ")]
    tokens = list(letters)
    merges: list[str] = []
    number = {token: index for index, token in enumerate(tokens)}
    whole = set()
    for word in words:
        head = space
        for letter in word:
            longer = head + letter
            if longer not in number:
                number[longer] = len(tokens)
                tokens.append(longer)
                merges.append(f"{head} {letter}")
            head = longer
        whole.add(number[head])
    return tokens, merges, whole


def write(path: Path) -> None:
    """Write the GGUF file to `path` whole or not at all; equal versions give equal bytes. About 0.1 s and 7 MB."""
    import gguf
    import numpy as np

    tokens, merges, whole = vocabulary()
    bos, eos = len(tokens), len(tokens) + 1
    size = len(tokens) + 2
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(str(unfinished), "llama")
    writer.add_name("tiny-random")
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT_LIMIT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*tokens, "<|bos|>", "<|eos|>"])
    writer.add_token_types([gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * 2)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(bos)
    writer.add_eos_token_id(eos)
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)

    random = np.random.default_rng(SEED)

    def weights(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.05).astype(np.float32)

    embedding = weights(size, WIDTH)
    embedding[:, 0] = 1.0
    output = weights(size, WIDTH) * 2
    output[:, 0] = -5.0
    output[sorted(whole), 0] = 0.0
    ones = np.ones(WIDTH, np.float32)
    half = np.float16
    writer.add_tensor("token_embd.weight", embedding.astype(half))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output.astype(half))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", ones)
        writer.add_tensor(f"{block}.ffn_norm.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"{block}.{name}.weight", weights(WIDTH, WIDTH).astype(half))
        for name, width in (("attn_output", WIDTH), ("ffn_down", HIDDEN)):
            silent = weights(WIDTH, width)
            silent[0] = 0.0
            writer.add_tensor(f"{block}.{name}.weight", silent.astype(half))
        for name in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{block}.{name}.weight", weights(HIDDEN, WIDTH).astype(half))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(path)


def ensure(folder: Path) -> Path:
    """The model's file in `folder`, written when it is not there yet."""
    path = folder / f"tiny-random-v{VERSION}.gguf"
    if not path.exists():
        write(path)
    return path
