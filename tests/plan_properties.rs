//! Properties of the plan of a multipart upload, for any size: the parts are the object, none is too small, too large or
//! one too many, and no part is larger than it has to be.

use homing::protocol::plan::{
    MAXIMUM_OBJECT_SIZE, MAXIMUM_PART_SIZE, MAXIMUM_PARTS, MAXIMUM_PUT_SIZE, MINIMUM_PART_SIZE, Parts, Plan, plan,
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_the_object_from_its_first_byte_to_its_last(size in size(), wanted in wanted()) {
        let Some(parts) = Parts::new(size, wanted) else {
            prop_assert!(size > MAXIMUM_OBJECT_SIZE);
            return Ok(());
        };
        prop_assert!(size <= MAXIMUM_OBJECT_SIZE);
        let count = parts.count();
        prop_assert!((1..=MAXIMUM_PARTS).contains(&count));
        let mut position = 0;
        for number in 1..=count {
            let (start, length) = parts.part(number);
            prop_assert_eq!(start, position, "part {}", number);
            if number < count {
                prop_assert_eq!(length, parts.part_size());
                prop_assert!((MINIMUM_PART_SIZE..=MAXIMUM_PART_SIZE).contains(&length));
            } else {
                // Only the empty object has an empty part.
                prop_assert!(length <= parts.part_size() && (length > 0 || size == 0));
            }
            position += length;
        }
        prop_assert_eq!(position, size);
        // What is not there has no bytes, and does not wrap around.
        for number in [count.saturating_add(1), u16::MAX] {
            if number > count {
                prop_assert_eq!(parts.part(number), (size, 0));
            }
        }
    }

    /// The part size is what was asked for, as near as S3's limits let it be.
    #[test]
    fn parts_are_no_larger_than_they_have_to_be(size in size(), wanted in wanted()) {
        let Some(parts) = Parts::new(size, wanted) else { return Ok(()) };
        let nearest = wanted.clamp(MINIMUM_PART_SIZE, MAXIMUM_PART_SIZE);
        prop_assert!(parts.part_size() >= nearest);
        if parts.part_size() > nearest {
            // A MiB less would have been too little.
            let less = parts.part_size() - 1024 * 1024;
            prop_assert!(size.div_ceil(less) > u64::from(MAXIMUM_PARTS) || less < nearest);
            prop_assert_eq!(parts.part_size() % (1024 * 1024), 0);
        }
    }

    /// The same file is divided in the same way by the run that goes on with it.
    #[test]
    fn a_plan_made_again_from_its_own_part_size_is_the_same(size in size(), wanted in wanted()) {
        if let Some(parts) = Parts::new(size, wanted) {
            prop_assert_eq!(Parts::new(size, parts.part_size()), Some(parts));
        }
    }

    #[test]
    fn one_request_is_enough_up_to_its_limit(size in size(), limit in prop::option::of(0..200_000_u64)) {
        let expected = match limit {
            Some(limit) if limit > 0 && size <= limit => Plan::Inline,
            _ if size <= MAXIMUM_PUT_SIZE => Plan::Single,
            _ => Plan::Multipart,
        };
        prop_assert_eq!(plan(size, limit), expected);
    }
}

/// Any size there is, and the edges of every limit.
fn size() -> impl Strategy<Value = u64> {
    let edges = prop::sample::select(vec![
        0,
        1,
        51_200,
        MINIMUM_PART_SIZE,
        MAXIMUM_PUT_SIZE,
        MINIMUM_PART_SIZE * u64::from(MAXIMUM_PARTS),
        MAXIMUM_OBJECT_SIZE,
        u64::MAX - 2,
    ]);
    prop_oneof![
        (edges, -2..=2_i64).prop_map(|(edge, by)| edge.saturating_add_signed(by)),
        (0..64_u32, any::<u64>()).prop_map(|(bits, random)| random >> bits),
        0..=MAXIMUM_OBJECT_SIZE,
    ]
}

fn wanted() -> impl Strategy<Value = u64> {
    prop_oneof![0..64_u64 * 1024 * 1024, any::<u64>(), Just(MINIMUM_PART_SIZE), Just(MAXIMUM_PART_SIZE)]
}
