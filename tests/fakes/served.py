"""Every provider with the fake that stands for it, and the models to ask: what tests over all vendors run through."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from urllib.parse import urlsplit

from llm_migrate.catalog.load import load_provider
from llm_migrate.config import Target
from llm_migrate.config.secret import CredentialSource


@dataclass(frozen=True, slots=True)
class Served:
    """One provider at one endpoint.

    Attributes:
        provider: its id in the catalog.
        endpoint: id of the endpoint that the fake stands for.
        fake: name of the fake.
        models: ids to ask, each for what sets it apart.
        key: what opens the fake.
        auth: id of the way to sign; the endpoint's own by default.
        vision: the first of `models` that reads images.
        embedding: a model that embeds.
        api_version: a dated version of the route.
    """

    provider: str
    endpoint: str
    fake: str
    models: tuple[str, ...]
    key: str
    auth: str | None = None
    vision: str | None = None
    embedding: str | None = None
    api_version: str | None = None

    @property
    def module(self) -> ModuleType:
        return importlib.import_module(f"tests.fakes.{self.fake}_like")

    def target(self) -> Target:
        """Return the target at the vendor's own address."""
        provider = load_provider(self.provider)
        endpoint = next(e for e in provider.endpoints if e.id == self.endpoint)
        way = self.auth or endpoint.auth or provider.auth[0].id
        auth = next(a for a in provider.auth if a.id == way)
        base_url = endpoint.base_url.replace("{resource}", "desk").replace("{region}", "us-east-1")
        if self.api_version is not None:
            base_url = f"{base_url.removesuffix('/v1').removesuffix('/openai')}/openai"
        source = CredentialSource("plain", (self.key,))
        return Target(self.fake, provider, endpoint, base_url, auth, self.api_version, False, source)

    def lines(self, address: str, name: str | None = None) -> str:
        """Return the lines of a configuration that point a target of the given name at a running fake."""
        path = urlsplit(self.target().base_url).path
        lines = [f"[targets.{name or self.fake}]", f'provider = "{self.provider}"', f'base_url = "{address}{path}"']
        lines += [f'endpoint = "{self.endpoint}"', f'api_key = "plain:{self.key}"']
        lines += [f'auth = "{self.auth}"'] if self.auth else []
        lines += [f'api_version = "{self.api_version}"'] if self.api_version else []
        return "\n".join(lines) + "\n"


SERVED = {
    served.fake: served
    for served in (
        Served(
            "openai", "global", "openai", ("gpt-4o",), "sk-fake", vision="gpt-4o", embedding="text-embedding-3-small"
        ),
        Served(
            "azure-openai",
            "classic",
            "azure",
            ("gpt-4o",),
            "fake",
            vision="gpt-4o",
            embedding="text-embedding-3-small",
            api_version="2024-10-21",
        ),
        Served(
            "zhipu",
            "mainland",
            "zhipu",
            ("glm-5.2", "glm-5.3-flash", "glm-4.6v"),
            "id.secret",
            vision="glm-4.6v",
            embedding="embedding-3",
        ),
        Served("kimi", "mainland", "kimi", ("kimi-k2.6", "kimi-k3", "kimi-k2.7-code"), "sk-fake", vision="kimi-k2.6"),
        Served(
            "ernie",
            "v2",
            "ernie",
            ("ernie-5.1", "ernie-4.5-turbo-vl", "ernie-x1.1", "deepseek-v4-pro"),
            "sk-fake-ernie",
            vision="ernie-4.5-turbo-vl",
            embedding="embedding-v1",
        ),
        Served("ernie", "v1", "ernie_v1", ("ernie-4.0-8k", "ernie-speed-128k"), "24.fake-access-token.2592000"),
        Served(
            "hunyuan",
            "tokenhub",
            "hunyuan",
            ("hy3", "hy4"),
            "sk-fake-hunyuan",
            vision="hy4",
            embedding="kinfra-text-embedding-0.6b",
        ),
        Served(
            "hunyuan",
            "native",
            "hunyuan_tc3",
            ("hunyuan-functioncall", "hunyuan-lite", "hunyuan-vision"),
            "AKIDfakeSecretId000000:fakeSecretKey0000000000",
            vision="hunyuan-vision",
        ),
        Served(
            "sensenova",
            "token",
            "sensenova",
            ("sensenova-6.8-flash-lite", "kimi-k3", "glm-5.2"),
            "sk-fake-sensenova",
            vision="sensenova-6.8-flash-lite",
        ),
        Served(
            "sensenova",
            "native",
            "sensenova_v1",
            ("SenseChat-5", "SenseNova-V6-Pro"),
            "2FAKEaccessKeyId:fakeSecretAccessKey",
            vision="SenseNova-V6-Pro",
        ),
        Served(
            "qwen",
            "mainland",
            "qwen",
            ("qwen3.7-plus", "qwen-plus", "qwen3.8-max", "qwen-max"),
            "sk-fake-qwen",
            vision="qwen3.7-plus",
            embedding="text-embedding-v4",
        ),
        Served(
            "doubao",
            "mainland",
            "doubao",
            ("doubao-seed-2-1-turbo-260628", "doubao-seed-2-1-pro-260628"),
            "sk-fake-doubao",
            vision="doubao-seed-2-1-turbo-260628",
        ),
        Served(
            "deepseek",
            "main",
            "deepseek",
            ("deepseek-flash", "deepseek-v4-pro"),
            "sk-fake-deepseek",
            vision="deepseek-flash",
        ),
        Served(
            "minimax", "mainland", "minimax", ("MiniMax-M3", "MiniMax-M2.7"), "sk-fake-minimax", vision="MiniMax-M3"
        ),
        Served(
            "baichuan",
            "mainland",
            "baichuan",
            ("Baichuan4-Turbo", "Baichuan-M3", "Baichuan2-Turbo"),
            "sk-fake-baichuan",
            embedding="Baichuan-Text-Embedding",
        ),
        Served(
            "yi", "mainland", "yi", ("yi-lightning", "yi-large-fc", "yi-vision-v2"), "sk-fake-yi", vision="yi-vision-v2"
        ),
        Served(
            "stepfun",
            "mainland",
            "stepfun",
            ("step-3.7-flash", "step-3.5-flash", "step-5-preview"),
            "sk-fake-stepfun",
            vision="step-3.7-flash",
        ),
        Served("longcat", "main", "longcat", ("LongCat-2.0",), "sk-fake-longcat"),
        Served("spark", "v1", "spark", ("4.0Ultra", "lite"), "sk-fake-spark"),
        Served("ai360", "mainland", "ai360", ("360gpt2-pro", "360zhinao3-o1.5"), "sk-fake-ai360"),
        Served(
            "gemini",
            "openai",
            "gemini",
            ("gemini-flash-latest",),
            "sk-fake-gemini",
            vision="gemini-flash-latest",
            embedding="gemini-embedding-001",
        ),
        Served("bedrock", "runtime", "bedrock", ("gpt-5.6-sol",), "sk-fake-bedrock", vision="gpt-5.6-sol"),
        Served("llama-api", "llama-api", "llama_api", ("Llama-3.3-70B-Instruct",), "sk-fake-llama-api"),
    )
}
