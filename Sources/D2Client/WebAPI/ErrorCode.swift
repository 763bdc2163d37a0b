import D2Common

/// An error code of DHIS2 (`ErrorCode.java`, 2.36 to 2.43) with its meaning and advice.
package struct ErrorCode: Sendable {
  package let code: String
  package let meaning: String
  package let advice: String

  /// Looks a code up; `nil` for a code that d2 cannot meet.
  package static func named(_ code: String) -> ErrorCode? { byCode[code.uppercased()] }

  /// The code at the beginning of a reason: `E7612 Organisation unit not found …`.
  package static func atBeginning(of reason: String) -> ErrorCode? {
    named(String(reason.prefix { $0 != " " && $0 != ":" }))
  }

  /// The first known code in a text.
  package static func within(_ text: String) -> ErrorCode? {
    text.split { !$0.isASCII || !$0.isLetter && !$0.isNumber }.lazy
      .filter { $0.utf8.count == 5 && $0.hasPrefix("E") }.compactMap { named(String($0)) }.first
  }

  private static let byCode = Dictionary(all.map { ($0.code, $0) }, uniquingKeysWith: { first, _ in first })

  private static let metadata =
    "Compare the metadata with d2-datasets check and d2-orgunits check; add what is missing at the destination, or map the ids with d2-map."
  private static let combos =
    "\(metadata) If combos have no code, use uids for them and codes for the rest: give d2-pull and d2-push --id-scheme CODE --category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID."
  private static let missingCombos =
    "Pull the combos with uids: --category-option-combo-id-scheme UID --attribute-option-combo-id-scheme UID."
  private static let missingIDs = "Pull with uids, or give every object a code at the source."
  private static let access =
    "Ask the destination's administrator to give the user data write access to it, or use another account."

  /// All codes, in the order of their numbers.
  package static let all = table.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { row in
    let fields = row.split(separator: "|").map(\.trimmed)
    return ErrorCode(code: fields[0], meaning: fields[1], advice: fields[2])
  }

  private static let table = """
    # dispatcher2, which answers 202 with it.
    E0003 | dispatcher2 could not keep the request: nothing was queued \
      | Check --source and --destination against the servers it knows, then look in its log.
    # Queries for data values and registrations.
    E1003 | the request contains an error \
      | Read the server's message. If your options are right, this is a bug of d2: report it.
    E1005 | an object of that uid does not exist, or the user may not see it | Check the id; ask for access to it.
    E1006 | the user may not make this request \
      | Ask the server's administrator for the authority, or use another account.
    E2000 | the query is missing | See d2-pull --help for the options that go together.
    E2001 | neither a data element, a data set nor a group was asked for \
      | Give --data-set, --data-element or --data-element-group.
    E2002 | no time was asked for | Give --period, --start-date with --end-date, or --last-updated with dates.
    E2003 | periods and dates were both asked for | Give either --period or --start-date with --end-date.
    E2004 | the start date is after the end date | Swap them.
    E2005 | a duration is not understood | Write it as 12h or 7d.
    E2006 | no organisation unit was asked for | Give --org-unit or --org-unit-group.
    E2007 | groups of organisation units have no children | Leave out --children, or name the units.
    E2008 | --children needs an organisation unit | Give --org-unit.
    E2009 | the limit is negative | Give a --limit of 0 or more.
    E2010 | the user may not read the data of a data set \
      | Ask the source's administrator to give the user data read access to the data set.
    E2011 | the user may not read the data of an attribute option combo \
      | Ask the source's administrator to give the user data read access to its category options.
    E2012 | an organisation unit lies outside of those that the user may view \
      | Ask the source's administrator for a data view unit above it, or leave it out.
    E2013 | no data set was asked for | Give --data-set.
    # Analytics.
    E7115 | a data element has a type that analytics cannot sum \
      | Leave it out, and pull its values without --analytics.
    E7120 | an organisation unit lies outside of those that the user may view \
      | Ask the source's administrator for a data view unit above it, or leave it out.
    E7121 | the user may not read the data of an object \
      | Ask the source's administrator to give the user data read access to it.
    E7124 | a dimension has no item that the server knows \
      | Check the ids of data, periods and units; a period type may be newer than the server.
    E7125 | a dimension does not exist | Check the uid that --filter begins with.
    E7128 | the answer would have more values than the server allows \
      | d2-pull divides the request. If one cell is too much, raise the analytics limit in the server's settings.
    E7131 | the query took longer than the server allows \
      | d2-pull divides the request. If that is not enough, ask for less.
    E7144 | the server has no analytics tables \
      | Run the server's analytics job (Data administration, Analytics tables), then run the command again.
    # Imports up to 2.42: the whole request.
    E7600 | the data set does not exist at the destination, or the user may not see it | \(metadata)
    E7601 | the user may not enter data for the data set | \(access)
    E7602 | a valid data set is required | Check the "dataSet" of the values and --data-set.
    E7603 | the organisation unit of the request does not exist at the destination | \(metadata)
    E7604 | the attribute option combo of the request does not exist at the destination | \(metadata)
    # Imports up to 2.42: one value.
    E7605 | a data set is complete only when all its compulsory values are there \
      | Move the values first, then the registrations. The data set at the destination says what is compulsory.
    E7610 | the data element does not exist at the destination, or the user may not see it | \(metadata)
    E7611 | the period is malformed \
      | Correct the period: 202401, 2024Q1, 2024W5 (d2-datasets periods --type … prints them).
    E7612 | the organisation unit does not exist at the destination, or the user may not see it | \(metadata)
    E7613 | the category option combo does not exist at the destination, or the user may not write to it | \(combos)
    E7614 | the user may not write to a category option of the category option combo | \(access)
    E7615 | the attribute option combo does not exist at the destination, or the user may not write to it | \(combos)
    E7616 | the user may not write to a category option of the attribute option combo | \(access)
    E7617 | the organisation unit lies outside of those that the user may enter data for \
      | Ask the destination's administrator to assign the user a unit above it.
    E7618 | the value is empty and has no comment | Leave it out, or send it as "deleted":true.
    E7619 | the value is not of the data element's type \
      | Correct it in the source or in the rejects file, or change the value type at the destination.
    E7620 | the comment is too long | Shorten it.
    E7621 | the value is not a code of the option set \
      | Correct it, or add the option at the destination; d2-map can replace values.
    E7622 | the user has no access to the data of any organisation unit \
      | Ask the server's administrator to assign units to the user, or use another account.
    E7630 | a category option combo is required \
      | If combos have no code, pull them with uids (--category-option-combo-id-scheme UID). Leave out \
    --require-category-option-combo only if the default combo is right.
    E7631 | an attribute option combo is required \
      | If combos have no code, pull them with uids (--attribute-option-combo-id-scheme UID). Leave out \
    --require-attribute-option-combo only if the default combo is right.
    E7632 | the period is not of the data sets' type | Send it in periods of that type, or leave out --strict-periods.
    E7633 | the data element is not in the data set of the request \
      | Add it to the data set at the destination, or leave out --strict-data-elements.
    E7634 | the category option combo is not of the data element's category combo | \(metadata)
    E7635 | the attribute option combo is not of the data set's category combo | \(metadata)
    E7636 | no data set with the data element is assigned to the organisation unit \
      | Assign the data set at the destination, or leave out --strict-organisation-units.
    E7637 | storedBy is not a user name | Leave storedBy out: jq -c 'del(.storedBy)'.
    E7638 | the period lies outside of the attribute option combo's dates \
      | Change the dates of its category options at the destination.
    E7639 | the attribute option combo does not belong to the organisation unit \
      | Change the organisation units of its category options at the destination.
    E7640 | the period is locked: its expiry days are over \
      | Unlock it for the data set and unit at the destination, or give the user F_EDIT_EXPIRED.
    E7641 | the period is later than the data set opens for entry \
      | Wait until it begins, or raise openFuturePeriods of the data set at the destination.
    E7642 | the data of this period and unit are approved \
      | Withdraw the approval at the destination, or leave out these values.
    E7643 | the period is not open now for the data set of the request \
      | Open it in the data set's input periods at the destination.
    E7644 | the period is not open now for any data set of the data element \
      | Change the input periods of these data sets at the destination.
    E7645 | there is no stored value with a file to delete \
      | d2 does not move files and pictures: leave their data elements out.
    E7650 | a path of a metadata query is malformed | This is a bug of d2: report it.
    E7651 | the fields of a metadata query are malformed | This is a bug of d2: report it.
    E7652 | a filter of a metadata query is malformed | This is a bug of d2: report it.
    E7653 | a filter of a metadata query cannot be used | This is a bug of d2: report it.
    # Imports from 2.43 on.
    E8000 | atomic mode: one invalid value made the server refuse all \
      | Leave out --atomic… options; then d2-push finds the invalid value.
    E8001 | a PDF form has no fields | d2 sends JSON, so a proxy changed the request: look at it with --record.
    E8002 | the data element is in several data sets, and the server will not guess \
      | Pull with --tag-data-set (or --pair), or push with --data-set.
    E8003 | the data element is in no data set \
      | Add it to one at the destination: servers from 2.43 on accept no other values.
    E8004 | the data set's id is not a uid \
      | Check the "dataSet" of the values and --data-set, or name the scheme (--data-set-id-scheme CODE).
    E8005 | the data set does not exist at the destination | \(metadata)
    E8006 | a PDF file could not be read | d2 sends JSON, so a proxy changed the request: look at it with --record.
    E8007 | an XML file could not be read | d2 sends JSON, so a proxy changed the request: look at it with --record.
    E8008 | the completion date is malformed | Leave completeDate out.
    E8009 | the completion date needs a data set, a unit and a period for the whole request | Leave completeDate out.
    E8010 | the user may not enter data for the data set | \(access)
    E8011 | organisation units lie outside of those that the user may enter data for \
      | Ask the destination's administrator to assign the user a unit above them.
    E8012 | the user may not write to category options | \(access)
    E8020 | data elements are not in the data set, or do not exist | \(metadata)
    E8021 | periods are not of the data set's type | Send them in periods of that type.
    E8022 | organisation units are not assigned to the data set, or do not exist \
      | Assign the data set to them at the destination (d2-datasets check lists them).
    E8023 | attribute option combos are not of the data set's category combo | \(metadata)
    E8024 | category option combos are not of the data element's category combo | \(metadata)
    E8025 | the attribute option combo is not open to the organisation unit \
      | Change the organisation units of its category options at the destination.
    E8030 | the period is locked, in the future or not open for the data set \
      | Unlock it, raise openFuturePeriods or open it in the input periods at the destination. 2.43.0 and 2.43.1 swap \
    the dates of input periods (DHIS2-21981), and refuse periods that are open. Upgrade the destination, \
    or remove the data set's input periods while you push.
    E8031 | the organisation unit is closed in the period \
      | Change its opening and closing dates at the destination, if the value is right.
    E8032 | the attribute option combo is not open in the period \
      | Change the dates of its category options at the destination.
    E8033 | the data of this period and unit are approved \
      | Withdraw the approval at the destination, or leave out these values.
    E8034 | the scope of a deletion names an object that does not exist at the destination | \(metadata)
    E8035 | an id in the scope of a deletion is not a uid \
      | Check the ids of the values, or name their scheme (--id-scheme CODE).
    E8100 | the period is missing | Send each value with its period.
    E8101 | category options can be read only if the request names the data set \
      | Pull with --tag-data-set (or --pair), or push with --data-set.
    E8102 | the data element is missing | Send each value with its dataElement.
    E8103 | the data element does not exist at the destination | \(metadata)
    E8104 | the data element's id is not a uid | Check the id, or name the scheme (--data-element-id-scheme CODE).
    E8105 | the organisation unit is missing | Send each value with its orgUnit.
    E8106 | the organisation unit's id is not a uid | Check the id, or name the scheme (--org-unit-id-scheme CODE).
    E8107 | the organisation unit does not exist at the destination | \(metadata)
    E8108 | the category option combo does not exist at the destination, or category options make none | \(metadata)
    E8109 | the category option combo's id is not a uid \
      | Check the id, or name the scheme (--category-option-combo-id-scheme CODE).
    E8110 | the attribute option combo does not exist at the destination | \(metadata)
    E8111 | the attribute option combo's id is not a uid \
      | Check the id, or name the scheme (--attribute-option-combo-id-scheme CODE).
    E8120 | the value is missing | Leave it out, or send it as "deleted":true with its old value.
    E8121 | the value and its comment are both empty | Leave it out, or send it as "deleted":true with its old value.
    E8122 | the value is not of the data element's type \
      | Correct it in the source or in the rejects file, or change the value type at the destination.
    E8123 | the value is not a code of the option set \
      | Correct it, or add the option at the destination; d2-map can replace values.
    E8124 | the comment is not a code of the option set \
      | Correct it, or take the comment's option set from the data element.
    E8125 | the comment is longer than 5,000 characters | Shorten it.
    E8126 | the category combo does not exist at the destination | \(metadata)
    E8127 | category options make no combo of the category combo | \(metadata)
    E8128 | several values of one request are of the same key | This is a bug of d2-push: report it.
    # Exports from 2.43 on, in another id scheme.
    E8200 | ids of the asked-for scheme are missing | \(missingIDs)
    E8201 | ids of the asked-for scheme are missing | \(missingIDs)
    E8202 | ids of the asked-for scheme are missing | \(missingIDs)
    E8203 | ids of the asked-for scheme are missing | \(missingCombos)
    E8204 | ids of the asked-for scheme are missing | \(missingCombos)
    """
}
