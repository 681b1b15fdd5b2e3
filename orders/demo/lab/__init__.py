"""The callback lab: replays the documented behaviour of payment providers in compressed time.

Each scenario has its own order and succeeds if the streams of buyer and seller deliver the expected events. Scenarios
run side by side against a running site, or against a server that the lab starts.
"""
