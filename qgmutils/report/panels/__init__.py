"""Panels of figures by topic: functions that draw a table into the axes they are given."""
