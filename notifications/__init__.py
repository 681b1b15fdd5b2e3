"""Live notifications for Django: one log, read by inboxes and by open streams.

What a site may import, and nothing else; each name has a docstring (docs/reference/python.md). Each package says what it is for.

- notifications.notifiers: Notifier, changed, created, followers_of, EVERYBODY, FOLLOWERS
- notifications.log: Bounds, Cursor, aappend, aappend_all, append, append_all, begin, bounds, cursor_id, database,
  head, is_sequenced, parse_cursor, prune, read, renew_epoch, retract, sequence, RETRACTED
- notifications.kinds: Kind, Text, register, get, names
- notifications.saves: notify_on_create, call_on_change, quietly
- notifications.deletions: retract_on_delete
- notifications.models: AtomicSaves, Event
- notifications.subscriptions: Source, can_read, channels_of, channels_of_all, ensure_own, find, follow, is_heard,
  may_mute, object_channel, own_channels, register_names, register_own, register_rule, register_shared, set_muted,
  sources, subscribe, unfollow, unsubscribe, EVERYBODY_CHANNEL
- notifications.preferences: Choice, Look, Preferences, Quiet, checked, from_form, from_stored, look, of, parse,
  remember_language, save, silenced_of_all, without_email, zone_names, CHANGED
- notifications.inbox: announce, change, is_unread, items, mark_all_read, mark_read, page, unread_count, unread_label,
  CAP, MOST_CHANGED, PAGE, READ
- notifications.stream: EventStream, Plan, Refused, each
- notifications.tokens: make
- notifications.consumers: Batch, Consumer, Interrupted, TryLater, consumer
- notifications.routing: SiteRouter, addresses, beside_streams, with_streams
- notifications.defaults: configure
- notifications.middleware: AuthenticatedRequest, cursor_middleware, keep_private, kept_private, private_middleware,
  trace_middleware
- notifications.context_processors: notifications
- notifications.channelmanager: LogChannelManager
- notifications.storage: LogStorage
- notifications.staticfiles: BundleError, BundledFilesMixin, BundledStaticFilesStorage, ENTRY_POINTS
- notifications.tracing: TraceFilter
- notifications.monitoring: RecentErrors, check_health, may_read
- notifications.admin: RetractionAdmin
- notifications.digests: MailServerDown, Outcome, digest_of, due, send_all
- notifications.testing: ChildProcess, LocalServer, Notification, Notified, NotifiedMixin, ServerSentEvent, SseClient,
  Streams, StreamsMixin, free_port, start_session
- notifications.pytest_plugin: notified, sse_client
"""

# The one place of the version: pyproject.toml and the documentation read it here. docs/releasing.md has the steps of a release.
__version__ = "0.1.0"
