"""Messages about a run to people and programs elsewhere: webhooks, Slack, whatever apprise knows.

May import the words and events; the engine knows none of it.
"""

from daskloop.notify.apprise_urls import Apprise
from daskloop.notify.webhook import Slack, Webhook

__all__ = ["Apprise", "Slack", "Webhook"]
