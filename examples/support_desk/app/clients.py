"""The one place that builds a client."""

import os

from openai import AzureOpenAI, OpenAI

from app.settings import CONFIG


def make_client():
    if os.environ.get("AZURE_OPENAI_ENDPOINT"):
        # The Shanghai office; its deployments are called like the models.
        return AzureOpenAI(
            azure_endpoint=os.environ["AZURE_OPENAI_ENDPOINT"],
            api_key=os.environ["AZURE_OPENAI_API_KEY"],
            api_version="2024-06-01",
        )
    return OpenAI(
        api_key=os.environ["OPENAI_API_KEY"],
        timeout=CONFIG["llm"]["timeout_s"],
        max_retries=CONFIG["llm"]["max_retries"],
    )
