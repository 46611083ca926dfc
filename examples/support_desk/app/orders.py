"""The tools that the assistant may use: orders and returns."""

import json

ORDERS = {
    "LN-2041": {"item": "Ridge 2 tent", "status": "shipped", "carrier": "DHL", "due": "2024-07-05"},
    "LN-2042": {"item": "Gas stove", "status": "delivered", "carrier": "UPS", "due": "2024-06-28"},
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Look up an order by its number, such as LN-2041.",
            "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "open_return",
            "description": "Open a return for a delivered order.",
            "parameters": {
                "type": "object",
                "properties": {
                    "number": {"type": "string"},
                    "reason": {"type": "string", "enum": ["broken", "wrong size", "changed mind"]},
                },
                "required": ["number", "reason"],
            },
        },
    },
]


def run(name, arguments):
    """Do what the model asked for and return the answer for it, as JSON."""
    wanted = json.loads(arguments)
    order = ORDERS.get(wanted.get("number"))
    if order is None:
        return json.dumps({"error": "no such order"})
    if name == "open_return":
        return json.dumps({"return": "RT-" + wanted["number"][3:], "reason": wanted["reason"]})
    return json.dumps(order)
