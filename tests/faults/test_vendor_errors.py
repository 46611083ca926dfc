"""Every error that a vendor documents, in its own shape, through a chain of that vendor and of it and another."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from llm_migrate.config import load_config
from llm_migrate.engine.events import Sent
from llm_migrate.taps.tap import Tap
from tests.fakes.served import SERVED, Served
from tests.fakes.server import Sample
from tests.faults.case import SECOND, WORLD
from tests.faults.fault import answering, whole
from tests.faults.server import Does, serving
from tests.faults.ways import WAYS, Seen

SAMPLES = [
    pytest.param(served, sample, id=f"{served.fake}-{name}")
    for served in SERVED.values()
    for name, sample in served.module.ERRORS.items()
]
ONCE = {400, 401, 403, 404, 413, 422}  # R2
OF_THE_REQUEST = {400, 404, 413, 422}
LACKS = {"model_not_found", "unsupported_parameter", "unsupported_value"}  # of this vendor, so another one may do it
FORBIDDEN = re.compile("content_filter|no_parameter_permission")  # of the request too, though some say it with a 403


def failing(sample: Sample) -> Does:
    fault = sample.fault
    body = fault.body if isinstance(fault.body, bytes) else json.dumps(fault.body).encode()
    said = whole(body, fault.status or 200, *fault.headers)
    return lambda peer: peer.send(said)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., tuple[Seen, Counter[str]]]:
    """Make one call over the vendor's target, and over a healthy one where there shall be two."""

    def asked(served: Served, sample: Sample, *, streamed: bool, second: bool) -> tuple[Seen, Counter[str]]:
        sent: Counter[str] = Counter()
        with serving(failing(sample)) as first, serving(answering(*SECOND)) as other:
            file = tmp_path / "llm-migrate.toml"
            file.write_text(
                served.lines(first.base_url.removesuffix("/v1"), "a")
                + f'[targets.b]\nprovider = "openai"\nbase_url = "{other.base_url}"\napi_key = "plain:k"\n'
                + f'[models.gpt-4o]\na = "{served.models[0]}"\nb = "of-unknown-size"\n'
                + f"[chains.default]\ntargets = {['a', 'b'] if second else ['a']}\n",
                encoding="utf-8",
            )
            config = load_config(file).with_listener(lambda e: sent.update([e.target] if isinstance(e, Sent) else []))
            seen = WAYS[0].ask(Tap(config, world=WORLD), httpx2.Timeout(10.0), streamed=streamed)
        return seen, sent

    return asked


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(("served", "sample"), SAMPLES)
def test_the_program_sees_openai_s_error_or_another_s_answer(ask, served, sample, streamed) -> None:
    """R1, R2, R4: class and code that OpenAI would give; what is the vendor's own trouble is mended by another."""
    alone, tries = ask(served, sample, streamed=streamed, second=False)
    beside, sent = ask(served, sample, streamed=streamed, second=True)

    status, code = alone.error.status_code, alone.error.code
    assert (alone.end, type(alone.error).__name__) == ("error", sample.raises)
    assert sample.code in (None, code)
    assert tries["a"] in ((1,) if status in ONCE or code == "insufficient_quota" else (2, 3))
    assert alone.headers["x-should-retry"] == "false"
    if (status in OF_THE_REQUEST and code not in LACKS) or FORBIDDEN.search(f"{code} {sample.fault.body}"):
        assert (beside.end, type(beside.error).__name__, sent) == ("error", sample.raises, {"a": 1})
    else:
        assert (beside.end, beside.text, beside.finish) == ("answer", "".join(SECOND), "stop")
        assert sent["a"] <= 2 and sent["b"] == 1
