"""Sort the mail of the old desk: `python classify.py mail.csv` reads id,text and prints id,queue."""

import csv
import os
import sys
import time

import openai

openai.api_key = os.environ["OPENAI_API_KEY"]
openai.api_base = os.getenv("OPENAI_API_BASE", "https://api.openai.com/v1")

QUEUES = {
    "delivery": "where is my parcel, tracking, late delivery",
    "returns": "send back, refund, broken, wrong size",
    "other": "anything else",
}


def classify(text, attempts=3):
    """Return the queue for a mail."""
    for attempt in range(attempts):
        try:
            answer = openai.ChatCompletion.create(
                model="gpt-3.5-turbo",
                messages=[
                    {"role": "system", "content": "Answer with one word: " + ", ".join(QUEUES)},
                    {"role": "user", "content": text},
                ],
                temperature=0,
                max_tokens=40,
                logit_bias={"11684": 2},
                request_timeout=20,
            )
            word = answer["choices"][0]["message"]["content"].strip().lower()
            return word if word in QUEUES else nearest(text)
        except openai.error.RateLimitError:
            time.sleep(2**attempt)
        except openai.error.InvalidRequestError as e:
            print(f"skipped: {e}", file=sys.stderr)
            return "other"
        except openai.error.OpenAIError as e:
            print(f"openai: {e.http_status} {e}", file=sys.stderr)
    return "other"


def nearest(text):
    """The queue whose description is nearest, for answers that are not one of ours."""
    result = openai.Embedding.create(model="text-embedding-ada-002", input=[text, *QUEUES.values()])
    wanted, *known = [row["embedding"] for row in result["data"]]
    scores = [sum(a * b for a, b in zip(wanted, vector)) for vector in known]
    return list(QUEUES)[scores.index(max(scores))]


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as mail:
        for row in csv.DictReader(mail):
            print(f"{row['id']},{classify(row['text'])}")
