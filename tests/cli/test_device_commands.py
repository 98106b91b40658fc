"""`--device` of `powsim kernel ...` and `work.device`, with the CPU in the place of the cards."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import sim
from pow import benchmark as benchmark_module
from pow import cuda
from pow.params import PRESETS
from pow.placement import GIB, Card
from sim.cli import app
from sim.errors import UserError
from sim.gpus import load_gpu, read_profile

SMALL = Path(__file__).parents[1] / "data" / "small.yaml"
CARDS = tuple(Card(i, "NVIDIA Example", 80 * GIB, GIB // 512) for i in range(2))  # little free: small batches
MEASURE = ["kernel", "benchmark", "--seconds", "0.01", "--threads", "1"]
DISTANCES = ["kernel", "distances", "--block-hash", "h", "--public-key", "k", "--nonces", "0:9", "--params", "tiny"]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, settings_of_torch: None) -> None:
    """A machine with two cards, both of which are its CPU."""
    monkeypatch.setenv(cuda.WORKSPACE[0], "")
    monkeypatch.setattr(cuda, "list_cards", lambda: CARDS)
    monkeypatch.setattr(cuda, "get_device", lambda card: torch.device("cpu"))


def invoke(*command: str) -> str:
    done = CliRunner().invoke(app, list(command), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def parse(csv: str) -> list[float]:
    return [float(line.split(",")[1]) for line in csv.splitlines()[1:]]


def test_distances_on_cards(cards: None) -> None:
    on_cpu, on_card, on_all = (parse(invoke(*DISTANCES, "--device", name)) for name in ("cpu", "cuda:1", "cuda"))
    assert len(on_cpu) == 9
    assert on_card == pytest.approx(on_cpu, abs=5e-7)
    assert on_all == on_card


def test_layers_on_cards(cards: None) -> None:
    """The same counts as on the CPU; cards are named by the driver, and here they are the CPU."""
    command = ["kernel", "layers", "--params", "tiny", "--nonces", "60", "--layers", "0,1", "--threads", "1"]
    on_cpu, on_card = (invoke(*command, "--device", name).splitlines() for name in ("cpu", "cuda:1"))
    assert [line.split()[4:6] for line in on_card] == [line.split()[4:6] for line in on_cpu]
    assert torch.are_deterministic_algorithms_enabled()


def test_cards_agree_with_a_stored_machine(cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "list_cards", lambda: (Card(0, "X1", GIB, GIB // 2),))
    shown = invoke("kernel", "agree", "--device", "cuda:0", "--dtype", "float32", "--nonces", "3", "--threads", "1")
    assert shown.splitlines()[1].split()[1:5] == ["float32,", "this", "machine", "H100"]


def test_benchmark_on_cards_tells_what_the_settings_cost(cards: None) -> None:
    found = json.loads(invoke(*MEASURE, "--params", "tiny", "--device", "cuda:0", "--compare", "20", "--json"))
    assert found["cards"] == ["NVIDIA Example"]
    assert found["nonces_per_second"] > 0
    assert found["loose_nonces_per_second"] > 0
    assert found["linear"] == "torch"
    assert found["n_compared"] == 20
    assert 1e-7 < found["rms_error"] < 1e-4
    assert torch.are_deterministic_algorithms_enabled()
    table = invoke(*MEASURE, "--params", "tiny", "--device", "cuda")
    assert "loose nonces per second" in table
    assert "rms error" not in table


def test_benchmark_on_the_cpu_may_be_compared_too() -> None:
    table = invoke(*MEASURE, "--params", "tiny", "--compare", "5")
    assert "rms error" in table
    assert "cards" not in table


@pytest.fixture
def small_mainnet(monkeypatch: pytest.MonkeyPatch, cards: None) -> None:
    """Main net's name with tiny's size, so that its benchmark takes no minutes here."""
    monkeypatch.setitem(PRESETS, "mainnet", PRESETS["tiny"])


def test_a_profile_is_written(small_mainnet: None, tmp_path: Path) -> None:
    file = tmp_path / "Example-80.yaml"
    command = [*MEASURE, "--params", "mainnet", "--dtype", "float16", "--device", "cuda:0", "--json"]
    shown = json.loads(invoke(*command, "--profile", str(file), "--like", "H100-SXM"))
    profile, like = read_profile(file), load_gpu("H100-SXM")
    assert (profile.name, profile.status, profile.numerics) == ("Example-80", "estimated", "float16")
    assert profile.kernel_nonces_per_second == pytest.approx(shown["nonces_per_second"], rel=1e-3)
    assert profile.raw_nonces_per_second == like.raw_nonces_per_second
    for field in ("vram_gib", "fp16_dense_tflops", "memory_gb_per_s", "tdp_watts", "rent_usd_per_hour", "mfu"):
        assert getattr(profile, field) == getattr(like, field)
    for part in ("NVIDIA Example", f"{shown['batch_size']} nonces a batch", f"{shown['rms_error']:.2g} over 32 nonces"):
        assert part in profile.source
    assert len(profile.date) == len("2026-01-31")


def test_a_profile_may_do_without_float64(small_mainnet: None, tmp_path: Path) -> None:
    file = tmp_path / "Example-80.yaml"
    command = [*MEASURE, "--params", "mainnet", "--dtype", "float32", "--device", "cuda:0", "--compare", "0"]
    invoke(*command, "--profile", str(file), "--like", "H100-SXM")
    assert "float64" not in read_profile(file).source
    assert read_profile(file).numerics == "float32"


def test_too_little_memory_for_float64_is_told_before_any_measurement(
    cards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark_module, "benchmark", lambda *_, **__: pytest.fail("it was measured"))
    monkeypatch.setattr(cuda, "list_cards", lambda: (Card(0, "X1", GIB, 400_000),))  # tiny: 542 kB in float64
    command = [*MEASURE, "--params", "tiny", "--dtype", "float16", "--device", "cuda:0", "--compare", "3"]
    with pytest.raises(UserError, match=r"--device: too little memory on cuda:0 .*f16data_f64compute with 1 nonces"):
        CliRunner().invoke(app, command, catch_exceptions=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--device": "cpu"}, "--profile: a GPU profile is measured on a card; add --device cuda"),
        ({"--params": "devtest"}, "--profile: a profile holds main net's rate; --params devtest must be mainnet"),
        ({"--dtype": "f16data_f32compute"}, '--dtype "f16data_f32compute" must be one of float16, bfloat16, float32'),
        ({"--profile": "x.txt"}, "x.txt: must be a new file NAME.yaml"),
        ({"--profile": "no/folder/x.yaml"}, "must be a new file NAME.yaml in a folder that is there"),
        ({"--profile": str(SMALL)}, "must be a new file"),
        ({"--like": None}, "a datasheet cannot be measured; add --like NAME. Known: A100"),
        ({"--like": "H100SXM"}, 'unknown GPU "H100SXM". Did you mean "H100-SXM"'),
        ({"--like": "RTX-4090"}, "cuda:0 (NVIDIA Example, 0.0 of 85.9 GB free) has 80.0 GiB, the profile 24 GiB"),
        ({"--device": "cuda"}, "--profile: a profile is of one card; name one of cuda:0"),
        ({"--device": "cuda:5"}, "--device: device 'cuda:5' is not to be had: there are cuda:0, cuda:1"),
    ],
)
def test_wrong_profiles_are_refused_before_any_measurement(
    changes: dict[str, str | None], message: str, small_mainnet: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(benchmark_module, "benchmark", lambda *_, **__: pytest.fail("it was measured"))
    good = {"--device": "cuda:0", "--params": "mainnet", "--dtype": "float16", "--like": "H100-SXM"}
    options = {**good, "--profile": str(tmp_path / "X.yaml"), **changes}
    command = [*MEASURE, *(part for pair in options.items() if pair[1] is not None for part in pair)]
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [DISTANCES, [*MEASURE, "--params", "tiny"]], ids=["distances", "benchmark"])
def test_devices_that_are_not_there(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "list_cards", lambda: ())
    for device, message in (("cuda", "torch finds no CUDA card"), ("gpu", "unknown device 'gpu'; known are 'cpu'")):
        with pytest.raises(UserError, match=f"--device: .*{message}"):
            CliRunner().invoke(app, [*command, "--device", device], catch_exceptions=False)


def test_a_run_computes_on_cards(cards: None) -> None:
    """The same network, and the provenance says where it was computed."""
    on_cpu = sim.run(SMALL)
    on_cards = sim.run(SMALL, overrides={"work.device": "cuda", "work.batch_size": 16})
    assert on_cards.provenance["work"]["device"] == "cuda"
    assert on_cards.provenance["work"]["cards_by_group"] == [["NVIDIA Example"], ["NVIDIA Example"]]
    assert set(on_cards.provenance["work"]["batch_size_by_dtype"].values()) == {16}
    assert set(on_cards.provenance["work"]["linear_by_dtype"].values()) == {"torch"}
    assert on_cpu.provenance["work"]["cards_by_group"] == []
    columns = ["epoch", "computed", "shared"]
    assert on_cards.epochs[columns].equals(on_cpu.epochs[columns])


def test_a_run_keeps_its_batch_size(cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although another program takes memory of the card meanwhile: bits would depend on it."""
    free = iter(range(79, 0, -4))
    monkeypatch.setattr(cuda, "list_cards", lambda: (Card(0, "X1", 80 * GIB, next(free) * GIB // 1024),))
    result = sim.run(SMALL, overrides={"epochs": 2, "work.device": "cuda:0"})
    assert len(result.provenance["work"]["batch_size_by_dtype"]) == 1
    assert next(free) < 70


@pytest.mark.parametrize(
    ("device", "message"),
    [("cuda:9", "work.device: device 'cuda:9' is not to be had"), ("gpu", "work.device: unknown device 'gpu'; known")],
)
def test_a_run_on_no_such_device_is_refused(device: str, message: str, cards: None, tmp_path: Path) -> None:
    command = ["run", str(SMALL), "--set", f"work.device={device}", "--out", str(tmp_path / "out")]
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(app, command, catch_exceptions=False)
    assert not (tmp_path / "out").exists()
