# The content of a data value, without who stored it and when.
{dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, comment,
  followup: (.followup // false)}
