from __future__ import annotations

from tests.scan.entries.reading import pairs, read

BICEP = """\
// param hidden string = 'no'
param openAIModel string = 'turbo16k' // note
module backend 'core/host.bicep' = {
  params: {
    appSettings: {
      AZURE_OPENAI_KEY: openAi.outputs.key
      'QUOTED.NAME': 'x'
    }
  }
}
output after string = 'y'
"""
HCL = """\
variable "openai_model" {
  default = "gpt-4o" # note
}
resource "azurerm_app" "main" {
  app_settings = {
    "AZURE_OPENAI_ENDPOINT" = azurerm_ai.main.endpoint
    list = ["a", "b"]
  }
}
"""


def test_bicep_parameters_and_nested_settings_are_read():
    """Blocks make the path; strings lose their quotes, expressions stay as they are."""
    assert pairs(BICEP, "blocks") == [
        ("openAIModel", "turbo16k"),
        ("backend.params.appSettings.AZURE_OPENAI_KEY", "openAi.outputs.key"),
        ("backend.params.appSettings.QUOTED.NAME", "x"),
        ("after", "y"),
    ]


def test_terraform_blocks_are_read():
    """`name = value` below labelled blocks."""
    found = pairs(HCL, "blocks")

    assert ("openai_model.default", "gpt-4o") in found
    assert any(path.endswith("app_settings.AZURE_OPENAI_ENDPOINT") for path, _ in found)


def test_values_lie_inside_their_quotes():
    """The range of a string's value leaves its quotes alone."""
    for entry in read(BICEP, "blocks"):
        assert BICEP[entry.value_start : entry.value_end] == entry.value


def test_deep_nesting_never_raises():
    """Blocks without end are cut at a depth."""
    read("a = {\n" * 50_000, "blocks")
