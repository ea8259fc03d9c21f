"""A Hugging Face encoder within the steps: made here, tiny, and never fetched."""

import json
import shutil
from dataclasses import replace

import pytest
import tokenizers
import torch
from comma_encoders import folder
from comma_encoders.errors import MissingDependencyError, UsageError
from comma_encoders.modalities.text import pretrained
from comma_encoders.modalities.text.config import Config
from comma_encoders.modalities.text.encoder import Encoder
from comma_encoders.modalities.text.pretext import Pretext
from comma_encoders.modalities.text.steps import collate
from comma_encoders.modality import examples
from comma_encoders.model import AlignedModel

transformers = pytest.importorskip("transformers")

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] mix calcine sinter at for in air and h c ti ba o 0 1 2 3 4 5 6 7 8 9 °".split()
PIECES = [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789°"]


def tokenizer():
    vocabulary = {symbol: i for i, symbol in enumerate([*WORDS, *PIECES])}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token=WORDS[1]))
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token=WORDS[0], unk_token=WORDS[1])


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """The folder of a BERT with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bert") / "tiny"
    config = transformers.BertConfig(
        vocab_size=len(WORDS) + len(PIECES),
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(path)
    tokenizer().save_pretrained(path)
    return path


@pytest.fixture
def config(bert):
    return Config(pretrained=str(bert), width=24)


@pytest.fixture
def offline(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def model_of(config):
    torch.manual_seed(0)
    return AlignedModel({"text": config}, dim=8).eval()


def test_its_states_are_those_of_the_encoder_alone(bert, config):
    text = "Mix BaO at 900 °C."
    model, alone = Encoder(config).eval(), transformers.BertModel.from_pretrained(bert).eval()
    with torch.inference_mode():
        expected = alone(**tokenizer()(text, return_tensors="pt")).last_hidden_state[0]
        found = model.states(collate([(text,)], config))
        torch.testing.assert_close(found, model.tokens.project(expected), rtol=1e-4, atol=1e-5)


def test_a_value_sees_neither_its_neighbours_nor_its_padding(config):
    model, values = Encoder(config).eval(), [*examples("text", 6), ("Mix.",), ("Sinter in air. " * 30,)]
    together = model(collate(values, config))
    alone = torch.cat([model(collate([value], config)) for value in values])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert torch.pdist(together).min() > 1e-5


def test_a_long_step_is_cut_and_not_lost(config):
    (piece, *others) = pretrained.pieces("mix " * 100, replace(config, max_tokens=12))
    assert [len(p) for p in (piece, *others)] == [12] * 10
    assert {(p[0][0], p[-1][0]) for p in (piece, *others)} == {(2, 3)}
    assert pretrained.pieces("", config) == ()


@pytest.mark.parametrize(("tune", "layers"), [("all", {0, 1, 2}), ("top", {1, 2}), ("nothing", set())])
def test_what_is_not_frozen_gets_a_gradient_and_the_rest_none(config, tune, layers):
    config = replace(config, tune=tune)
    model = Encoder(config)
    (model(collate(examples("text", 6), config)) * torch.randn(6, 24)).sum().backward()
    backbone = model.tokens.backbone
    assert {i for i, layer in enumerate(backbone.encoder.layer) for p in layer.parameters() if p.grad is not None} == (
        layers
    )
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or parameter.grad.abs().sum() > 0, name


def test_a_frozen_encoder_never_drops_out(config):
    config = replace(config, tune="nothing", dropout=0.0)
    model, inputs = Encoder(config).train(), collate(examples("text", 4), config)
    assert torch.equal(model(inputs), model(inputs))
    tuned = Encoder(replace(config, tune="all")).train()
    assert not torch.equal(tuned(inputs), tuned(inputs))


@pytest.mark.parametrize("tune", ["all", "nothing"])
def test_a_saved_model_needs_neither_the_folder_nor_the_hub(bert, tmp_path, tune, offline):
    here = shutil.copytree(bert, tmp_path / "bert")
    model = model_of(Config(pretrained=str(here), tune=tune, width=24))
    expected = model.encode("text", examples("text", 5))
    folder.save(model, tmp_path / "model")
    shutil.rmtree(here)
    pretrained._elsewhere.cache_clear()
    assert torch.equal(folder.load(tmp_path / "model").encode("text", examples("text", 5)), expected)
    kept = json.loads((tmp_path / "model" / "config.json").read_text())["modalities"]["text"]
    assert (kept["pretrained"], kept["tokenizer"]) == ("text-pretrained.json", "text-tokenizer.json")
    assert str(here) not in "".join(p.read_text() for p in (tmp_path / "model").glob("*.json"))


def test_a_loaded_model_can_be_saved_again(config, tmp_path):
    folder.save(model_of(config), tmp_path / "one")
    folder.save(folder.load(tmp_path / "one"), tmp_path / "two")
    again = folder.load(tmp_path / "two")
    assert torch.equal(again.encode("text", ["Mix."]), model_of(config).eval().encode("text", ["Mix."]))


def test_a_config_alone_gives_random_weights(bert):
    config = Config(pretrained=str(bert / "config.json"), tokenizer=str(bert / "tokenizer.json"), width=24)
    torch.manual_seed(0)
    first, second = Encoder(config), Encoder(config)
    one, other = (
        dict(m.named_parameters())["tokens.backbone.embeddings.word_embeddings.weight"] for m in (first, second)
    )
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", ["no/such-encoder", "no/such-encoder@main", "nowhere"])
def test_a_name_that_cannot_be_had_is_explained(name, offline):
    with pytest.raises(UsageError, match=r"local folder with config\.json.*Remedy without network") as caught:
        Encoder(Config(pretrained=name))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_weights_are_not_opened(bert, tmp_path):
    here = shutil.copytree(bert, tmp_path / "bert")
    torch.save({}, here / "pytorch_model.bin")
    (here / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="safetensors"):
        Encoder(Config(pretrained=str(here)))


def test_steps_longer_than_it_takes_are_refused(config):
    with pytest.raises(UsageError, match="takes at most 62"):
        Encoder(replace(config, max_tokens=63))


def test_another_word_for_what_is_tuned_is_refused():
    with pytest.raises(UsageError, match="has to be all, top or nothing"):
        pretrained.tuned(torch.nn.Linear(1, 1), "some")


def test_the_tokenizer_beside_a_config_is_found_and_a_missing_one_named(bert, tmp_path):
    values = examples("text", 2)
    assert "ids" in collate(values, Config(pretrained=str(bert / "config.json")))
    shutil.copy(bert / "config.json", tmp_path)
    with pytest.raises(UsageError, match=r"tokenizer\.json cannot be read"):
        Encoder(Config(pretrained=str(tmp_path / "config.json")))


def test_a_tokenizer_of_another_encoder_is_refused(bert, tmp_path):
    content = json.loads((bert / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "vocab_size": 7}))
    with pytest.raises(UsageError, match="knows 7 symbols"):
        Encoder(Config(pretrained=str(tmp_path / "config.json"), tokenizer=str(bert / "tokenizer.json")))


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_config_is_named(tmp_path, content, bert):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(UsageError, match=r"c\.json"):
        Encoder(Config(pretrained=str(tmp_path / "c.json"), tokenizer=str(bert / "tokenizer.json")))


def test_an_encoder_with_a_decoder_is_refused(tmp_path, bert):
    config = transformers.T5Config(vocab_size=80, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    config.to_json_file(tmp_path / "t5.json")
    with pytest.raises(UsageError, match="with a decoder"):
        Encoder(Config(pretrained=str(tmp_path / "t5.json"), tokenizer=str(bert / "tokenizer.json")))


def test_without_transformers_the_remedy_is_given(monkeypatch, config):
    import sys

    monkeypatch.setitem(sys.modules, "transformers", None)
    pretrained._elsewhere.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"pip install 'comma-encoders\[pretrained\]'"):
        Encoder(config)


def test_its_own_symbols_are_hidden_in_a_pretext_task(config):
    torch.manual_seed(0)
    encoder = Encoder(config).eval()
    task = Pretext(encoder, config)
    inputs = collate(examples("text", 40), config)
    seen, targets = task.corrupted(inputs, torch.Generator().manual_seed(0))
    assert (seen["ids"][targets["picked"]] == WORDS.index("[MASK]")).float().mean() > 0.6
    assert not torch.isin(targets["tokens"], torch.tensor([WORDS.index(s) for s in ("[PAD]", "[CLS]", "[SEP]")])).any()
    task.losses(seen, targets)["tokens"].backward()
    assert all(p.grad is not None for p in (*encoder.tokens.parameters(), *task.parameters()))


def test_a_kept_config_never_names_code_to_run(bert, tmp_path, monkeypatch):
    """A folder of others may say anything; asked by transformers, a user may say yes."""
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked whether to run code"))
    for name, value in {"auto_map": {"AutoModel": "evil/repo--code.Model"}, "attn_implementation": "evil/repo"}.items():
        content = json.loads((bert / "config.json").read_text()) | {name: value}
        (tmp_path / "config.json").write_text(json.dumps(content))
        shutil.copyfile(bert / "tokenizer.json", tmp_path / "tokenizer.json")
        model = pretrained.backbone(Config(pretrained=str(tmp_path / "config.json"), width=24))
        assert type(model).__module__.startswith("transformers.")
    (tmp_path / "config.json").write_text('{"model_type": "of nobody"}')
    with pytest.raises(UsageError, match="no config of an encoder"):
        pretrained.backbone(Config(pretrained=str(tmp_path / "config.json"), width=24))
