"""The assistant: triage and answer tickets, file returns, type in the chat window, read screenshots, sum up threads."""

import base64
import json
import logging

import openai

from app import index, orders
from app.settings import CONFIG, INDEX

log = logging.getLogger("desk")

VOICE = f"You answer for {CONFIG['desk']['name']}. Be brief and kind. Never promise a refund."
TRIAGE = (
    f"Sort the ticket. Categories: {', '.join(CONFIG['categories'])}. Urgency is 1 to 5. "
    'Answer in JSON like {"category": "delivery", "urgency": 3, "language": "en"}.'
)


class DeskError(Exception):
    """The assistant has no answer; `retry` says whether the ticket goes back into the queue."""

    def __init__(self, message, retry):
        super().__init__(message)
        self.retry = retry


def handle(client, ticket):
    """Triage and answer one ticket: {"id", "customer", "text"} in, {"triage", "reply"} out."""
    try:
        return {"triage": triage(client, ticket), "reply": reply(client, ticket)}
    except openai.RateLimitError as e:
        if e.code == "insufficient_quota":
            raise DeskError("the account has no credit left", retry=False) from e
        raise DeskError("too many requests, later again", retry=True) from e
    except openai.APIStatusError as e:
        if e.code == "content_filter":
            raise DeskError("a person has to look at this ticket", retry=False) from e
        log.error("openai answered %s (%s)", e.status_code, e.code)
        raise DeskError("the assistant failed", retry=e.status_code >= 500) from e
    except openai.APIConnectionError as e:
        raise DeskError("the assistant cannot be reached", retry=True) from e


def triage(client, ticket):
    """Return category, urgency and language."""
    response = client.chat.completions.create(
        model="gpt-3.5-turbo",
        messages=[{"role": "system", "content": TRIAGE}, {"role": "user", "content": ticket["text"]}],
        response_format={"type": "json_object"},
        temperature=0,
        seed=7,
        max_tokens=80,
        user=ticket["customer"],
    )
    return json.loads(response.choices[0].message.content)


def reply(client, ticket):
    """Draft an answer; the model may look up orders and open returns."""
    messages = [{"role": "system", "content": VOICE}, {"role": "user", "content": ticket["text"]}]
    for _ in range(3):
        response = client.chat.completions.create(
            model="gpt-4o", messages=messages, tools=orders.TOOLS, temperature=0.4, user=ticket["customer"]
        )
        log.info("ticket %s: %s tokens", ticket["id"], response.usage.total_tokens)
        message = response.choices[0].message
        if not message.tool_calls:
            return message.content
        messages.append(message)
        for call in message.tool_calls:
            answer = orders.run(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": answer})
    raise DeskError("the assistant kept calling tools", retry=False)


def file_return(client, ticket):
    """Fill the return form from a mail; the form is all we want, so the tool is forced."""
    response = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": ticket["text"]}],
        tools=orders.TOOLS,
        tool_choice={"type": "function", "function": {"name": "open_return"}},
    )
    calls = response.choices[0].message.tool_calls
    if not calls:
        raise DeskError("a person has to fill in the form", retry=False)
    return json.loads(orders.run(calls[0].function.name, calls[0].function.arguments))


def type_reply(client, question, path=INDEX):
    """Yield an answer from the help articles piece by piece, for the chat window."""
    articles = "\n\n".join(index.search(client, question, path))
    stream = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {"role": "system", "content": f"{VOICE}\nUse only these articles:\n{articles}"},
            {"role": "user", "content": question},
        ],
        stream=True,
        temperature=1.3,  # the team likes it lively here
        presence_penalty=0.6,
        stop=["\n--", "Best regards"],
        max_tokens=500,
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


def read_screenshot(client, png):
    """Say what a customer's screenshot shows."""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    response = client.chat.completions.create(
        model="gpt-4o",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Which error does this screenshot show?"},
                    {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                ],
            }
        ],
        max_tokens=200,
    )
    return response.choices[0].message.content


def summarise(client, thread):
    """Sum up a long thread for the next person."""
    response = client.chat.completions.create(
        model=CONFIG["llm"]["summary_model"],
        messages=[{"role": "user", "content": "Sum up in three lines:\n" + "\n".join(thread)}],
        temperature=0.2,
        frequency_penalty=0.3,
    )
    return response.choices[0].message.content
