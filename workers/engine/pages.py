"""The pages of a document as pictures."""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from threading import Lock

import pypdfium2
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from workers.engine.reader import Unreadable

PDF_SIGNATURE = b"%PDF-"
SIGNATURE_WITHIN_BYTES = 1024
POINTS_PER_INCH, DOTS_PER_INCH = 72, 150
LONGEST_SIDE_PIXELS = 2000
MAX_PIXELS = 60_000_000
"""An A4 page scanned at 600 dots per inch has 35 million."""
IMAGE_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")

_PDFIUM = Lock()
"""PDFium may not be entered twice at once, not even with two documents."""


def read_pages(content: bytes, max_pages: int) -> list[Image.Image]:
    """Return each page in colour and upright.

    Raises Unreadable: `document_unreadable`, which may be an upload that has not ended and is worth another try;
    `document_encrypted`, `document_too_large` or `unsupported_format`.
    """
    if PDF_SIGNATURE in content[:SIGNATURE_WITHIN_BYTES]:
        with _PDFIUM:
            return list(_pdf_pages(content, max_pages))
    return list(_image_pages(content, max_pages))


def _pdf_pages(content: bytes, max_pages: int) -> Iterator[Image.Image]:
    try:
        with closing(pypdfium2.PdfDocument(content)) as document:
            _allow(len(document), max_pages)
            for page in document:
                longest_side = max(page.get_size())
                scale = min(DOTS_PER_INCH / POINTS_PER_INCH, LONGEST_SIDE_PIXELS / max(longest_side, 1))
                yield page.render(scale=scale).to_pil().convert("RGB")
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise Unreadable("document_encrypted", "the PDF asks for a password") from error
        raise Unreadable("document_unreadable", f"no complete PDF: {error}", retryable=True) from error


def _image_pages(content: bytes, max_pages: int) -> Iterator[Image.Image]:
    try:
        with Image.open(BytesIO(content), formats=IMAGE_FORMATS) as image:
            _allow(getattr(image, "n_frames", 1), max_pages)
            for frame in ImageSequence.Iterator(image):
                if frame.width * frame.height > MAX_PIXELS:
                    raise _too_large(f"a page has more than {MAX_PIXELS} pixels")
                yield _upright(frame)
    except UnidentifiedImageError as error:
        raise Unreadable("unsupported_format", f"neither a PDF nor an image ({', '.join(IMAGE_FORMATS)})") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large("a page has too many pixels") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Unreadable("document_unreadable", f"no complete image: {error}", retryable=True) from error


def _upright(frame: Image.Image) -> Image.Image:
    """Return the page as its camera meant it, and no larger than recognition needs."""
    page = ImageOps.exif_transpose(frame).convert("RGB")
    page.thumbnail((LONGEST_SIDE_PIXELS, LONGEST_SIDE_PIXELS))
    return page


def _allow(page_count: int, max_pages: int) -> None:
    if page_count > max_pages:
        raise _too_large(f"the document has {page_count} pages; {max_pages} are read at most")


def _too_large(message: str) -> Unreadable:
    return Unreadable("document_too_large", message)
