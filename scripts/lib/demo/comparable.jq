# What a data value says, whoever stored it and when.
{dataElement, period, orgUnit, categoryOptionCombo, attributeOptionCombo, value, comment,
  followup: (.followup // false)}
